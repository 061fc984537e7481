/** The figures of the machine. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemSchema } from '@berth/protocol'
import { SystemMeter } from './system.ts'

describe('SystemMeter', () => {
  it('gives figures that the wire takes', () => {
    const meter = new SystemMeter()
    systemSchema.parse(meter.latest)
    const first = systemSchema.parse(meter.read())
    assert.ok(first.memoryUsed > 0)
    systemSchema.parse(meter.read())
    meter.stop()
  })
})
