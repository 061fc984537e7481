/** Keeps one failed part from taking the page with it: says so, offers another try and the details. */
import { Component, type ErrorInfo, type ReactNode } from 'react'
import { text } from '../text/text.ts'
import { copyText } from './copy-text.ts'

interface State {
  readonly error: Error | null
  readonly where: string
}

export class ErrorBoundary extends Component<{ children: ReactNode; title?: string }, State> {
  override state: State = { error: null, where: '' }

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override componentDidCatch(_error: Error, info: ErrorInfo): void {
    this.setState({ where: info.componentStack ?? '' })
  }

  override render(): ReactNode {
    const { error, where } = this.state
    if (!error) return this.props.children
    return (
      <section className="notice notice-bad" role="alert">
        <h2>{this.props.title ?? text.kit.error.title}</h2>
        <p>{text.kit.error.detail}</p>
        <pre className="notice-code">{error.message}</pre>
        <div className="row">
          <button type="button" className="button" onClick={() => this.setState({ error: null, where: '' })}>
            {text.kit.error.retry}
          </button>
          <button type="button" className="button" onClick={() => window.location.reload()}>
            {text.kit.error.reload}
          </button>
          <button
            type="button"
            className="button"
            onClick={() => void copyText(`${error.stack ?? error.message}\n${where}`)}
          >
            {text.kit.error.copy}
          </button>
        </div>
      </section>
    )
  }
}
