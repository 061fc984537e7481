/** A storage without a disk, for tests: as whole and as kept as the disk's, and as full as a test says. */
import type { FileBytes, FileSink, FileStoragePort } from '../../ports/files.ts'

export class MemoryFiles implements FileStoragePort {
  readonly incoming = new Map<string, Buffer>()
  readonly kept = new Map<string, Buffer>()
  free = Number.POSITIVE_INFINITY
  /** Thrown by whatever writes. */
  fault: Error | undefined

  async create(name: string): Promise<FileSink> {
    if (this.fault) throw this.fault
    this.incoming.set(name, Buffer.alloc(0))
    return {
      write: async (bytes) => {
        if (this.fault) throw this.fault
        this.incoming.set(name, Buffer.concat([this.incoming.get(name) ?? Buffer.alloc(0), bytes]))
      },
      finish: async () => {
        if (this.fault) throw this.fault
      },
      drop: async () => void this.incoming.delete(name),
    }
  }

  async keep(name: string): Promise<void> {
    const bytes = this.incoming.get(name)
    if (!bytes) return
    this.incoming.delete(name)
    this.kept.set(name, bytes)
  }

  async open(name: string): Promise<FileBytes | undefined> {
    const bytes = this.kept.get(name) ?? this.incoming.get(name)
    if (!bytes) return undefined
    return {
      size: bytes.length,
      read: async (from, length) => bytes.subarray(from, from + length),
      close: async () => {},
    }
  }

  async copy(from: string, to: string): Promise<boolean> {
    const bytes = this.kept.get(from) ?? this.incoming.get(from)
    if (bytes) this.incoming.set(to, bytes)
    return bytes !== undefined
  }

  async remove(name: string): Promise<void> {
    this.incoming.delete(name)
    this.kept.delete(name)
  }

  async unkept(): Promise<readonly string[]> {
    return [...this.incoming.keys()]
  }

  async freeBytes(): Promise<number> {
    return this.free
  }
}
