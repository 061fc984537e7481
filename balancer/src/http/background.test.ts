import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FunctionInterface } from '@berth/protocol'
import type { ServedInterface } from '../ports/fleet.ts'
import { Background } from './background.ts'

function served(background: boolean): ServedInterface {
  const declared = new Map([['f', { name: 'f', background } as FunctionInterface]])
  return { hash: String(background), declared }
}

function make(set: boolean | null, byContract: Record<number, boolean>, standard?: number) {
  const flags = Object.values(byContract)
  return new Background({
    settings: { hasBackground: set === true, backgroundOf: (_, name) => (name === 'f' ? set : null) },
    interfaces: {
      hasBackground: flags.includes(true),
      interfacesOf: (_, contract) =>
        byContract[contract] === undefined ? [] : [served(byContract[contract]), served(true)],
    },
    contracts: { defaultContract: () => standard },
  })
}
const F = { function: 'f' }

test('what the function says, under the contract that is asked for or the default one', () => {
  const background = make(null, { 1: true, 2: false }, 2)
  assert.equal(background.isAny, true)
  assert.equal(background.has({ ...F, contract: 1 }), true)
  assert.equal(background.has({ ...F, contract: 2 }), false)
  assert.equal(background.has(F), false)
  assert.equal(background.has({ function: 'other', contract: 1 }), false)
  assert.equal(make(null, { 1: true }).has(F), false)
})

test('what an operator set goes before it', () => {
  assert.equal(make(false, { 1: true }, 1).has(F), false)
  assert.equal(make(true, { 1: false }, 1).has(F), true)
  assert.equal(make(true, {}).has(F), true)
})

test('nobody asks where nothing is', () => {
  assert.equal(make(null, { 1: false }, 1).isAny, false)
  assert.equal(make(true, {}).isAny, true)
})
