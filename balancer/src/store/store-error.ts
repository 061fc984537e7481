/** Why a store cannot be opened or read, in words for the operator; a caller may tell the kinds apart. */
export type StoreErrorCode = 'LOCKED' | 'DAMAGED' | 'NEWER' | 'UNUSABLE' | 'BUSY' | 'CLOSED'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
