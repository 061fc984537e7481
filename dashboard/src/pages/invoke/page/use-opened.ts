/**
 * Which page of functions an address means: one within the address (`doc`), one that was saved (`form`), or a single
 * function (`fn=group/name`). What is changed by hand goes back into the address, so that it can be sent to somebody.
 */
import { type FormView, type InvokeForm, invokeFormSchema } from '@berth/protocol'
import { useEffect, useMemo, useRef, useState } from 'react'
import { z } from 'zod'
import { requestAnswer } from '../../../api/client.ts'
import { useUrlState } from '../../../kit/use-url-state.ts'
import { decodeForm, encodeForm, LINK_CHARACTERS } from './form-link.ts'

export interface Saved {
  readonly name: string
  readonly etag: string
  readonly form: InvokeForm
}

export type Opened =
  | { readonly state: 'loading' | 'empty' | 'unreadable' }
  | { readonly state: 'failed'; readonly error: unknown }
  | { readonly state: 'ready'; readonly key: string; readonly form: InvokeForm; readonly saved: Saved | null }

const addressSchema = z.object({
  doc: z.string().default(''),
  form: z.string().default(''),
  fn: z.string().default(''),
  view: z.enum(['form', '']).default(''),
})

const WRITE_MS = 400

export function useOpened() {
  const [address, patch] = useUrlState(addressSchema)
  const [opened, setOpened] = useState<Opened>({ state: 'loading' })
  /** What this page has written itself is no other page to open. */
  const written = useRef<string | null>(null)
  const adopted = useRef<string | null>(null)
  const { doc, form, fn } = address
  const [reads, setReads] = useState(0)
  useEffect(() => {
    const isOwn = doc === '' ? form !== '' && form === adopted.current : doc === written.current
    if (isOwn) return
    let isWanted = true
    const key = `${form} ${fn} ${doc} ${reads}`
    setOpened({ state: 'loading' })
    void open(doc, form, fn, key).then((next) => {
      if (isWanted) setOpened(next)
    })
    return () => {
      isWanted = false
    }
  }, [doc, form, fn, reads])
  const links = useMemo(
    () => ({
      /** The next change of the address by `write` opens nothing. */
      async write(changed: InvokeForm): Promise<boolean> {
        const packed = await encodeForm(changed)
        if (packed.length > LINK_CHARACTERS) return false
        written.current = packed
        patch({ doc: packed, fn: null }, { replace: true })
        return true
      },
      /** What is open was saved under this name. */
      adopt(name: string): void {
        adopted.current = name
        patch({ form: name, doc: null, fn: null }, { replace: true })
      },
      retry: () => setReads((count) => count + 1),
    }),
    [patch],
  )
  return { opened, isPlain: address.view === 'form', patch, ...links }
}

async function open(doc: string, form: string, fn: string, key: string): Promise<Opened> {
  try {
    const saved = form === '' ? null : await readSaved(form)
    if (doc !== '') {
      const inAddress = await decodeForm(doc)
      return inAddress ? { state: 'ready', key, form: inAddress, saved } : { state: 'unreadable' }
    }
    if (saved) return { state: 'ready', key, form: saved.form, saved }
    if (fn === '') return { state: 'empty' }
    const single = formOfFunction(fn)
    return single ? { state: 'ready', key, form: single, saved: null } : { state: 'unreadable' }
  } catch (error) {
    return { state: 'failed', error }
  }
}

export async function readSaved(name: string): Promise<Saved> {
  const path = `/forms/${encodeURIComponent(name)}`
  const { data, headers } = await requestAnswer<FormView>('GET', path)
  return { name, etag: headers.get('etag') ?? '', form: invokeFormSchema.parse(data.form) }
}

/** `group/name`. */
export function formOfFunction(fn: string): InvokeForm | null {
  const at = fn.indexOf('/')
  const cell = { id: 'a', group: fn.slice(0, at), function: fn.slice(at + 1) }
  const parsed = invokeFormSchema.safeParse({ cells: [cell] })
  return at > 0 && parsed.success ? parsed.data : null
}

/** Puts the page into its address a moment after every change by hand; says when it is too long for one. */
export function useAddressWriter(
  edits: number,
  savedEdits: number,
  form: () => InvokeForm,
  write: (form: InvokeForm) => Promise<boolean>,
): { readonly isTooLong: boolean } {
  const [isTooLong, setTooLong] = useState(false)
  useEffect(() => {
    if (edits === savedEdits) return
    const timer = setTimeout(() => void write(form()).then((isWritten) => setTooLong(!isWritten)), WRITE_MS)
    return () => clearTimeout(timer)
  }, [edits, savedEdits, form, write])
  return { isTooLong }
}
