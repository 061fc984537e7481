/**
 * Reads what a TypeScript file imports, with a parser, so that text in strings and comments is no import.
 * Called by the boundary check. Covers `import`, `export … from`, `import('…')` and `import('…').Type`.
 */
import { parseSync, Visitor } from 'oxc-parser'

export type Import = {
  /** As written: `./lane.ts`, `node:fs`, `@berth/protocol`. */
  specifier: string
  line: number
  /** Erased before the file runs: `import type`, `export type … from`, a type position. */
  isTypeOnly: boolean
  /** Loaded when the module is; an `import()` is not. */
  isStatic: boolean
}

/** Throws when the file does not parse; lint and types say why better than this check could. */
export function readImports(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source)
  if (errors[0]) throw new Error(`${file} does not parse: ${errors[0].message}`)
  const found: Import[] = []
  const add = (node: { value: string; start: number }, isTypeOnly: boolean, isStatic: boolean): void => {
    found.push({ specifier: node.value, line: lineAt(source, node.start), isTypeOnly, isStatic })
  }
  // `import { type A }` keeps loading the module at run time; only `import type` is erased as a whole.
  new Visitor({
    ImportDeclaration: (node) => add(node.source, node.importKind === 'type', true),
    ExportAllDeclaration: (node) => add(node.source, node.exportKind === 'type', true),
    ExportNamedDeclaration: (node) => {
      if (node.source) add(node.source, node.exportKind === 'type', true)
    },
    ImportExpression: ({ source: wanted }) => {
      if (wanted.type === 'Literal' && typeof wanted.value === 'string') {
        add({ value: wanted.value, start: wanted.start }, false, false)
      }
    },
    TSImportType: (node) => add(node.source, true, false),
  }).visit(program)
  return found
}

function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length
}
