/** What every field of one form knows beside its own value: faults by place, what is linked, how to link. */
import { createContext, type ReactNode, use } from 'react'

export interface FormContextValue {
  /** Sentences by the pointer of a field. */
  readonly faults: ReadonlyMap<string, readonly string[]>
  /** What is told of a field whose value comes from another function; null: it is typed here. */
  linked(pointer: string): ReactNode | null
  /** The control that links a field; null where nothing can be linked. */
  linkControl(pointer: string, label: string): ReactNode | null
  /** A view for colleagues: no controls that need knowledge of JSON. */
  readonly isPlain: boolean
}

const EMPTY: FormContextValue = {
  faults: new Map(),
  linked: () => null,
  linkControl: () => null,
  isPlain: false,
}

export const FormContext = createContext<FormContextValue>(EMPTY)

export function useForm(): FormContextValue {
  return use(FormContext)
}
