import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { createScope } from '../harness/scope.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import { everyPage, markedFunction, type Seeds, seedFleet, visitPage } from './pages.ts'
import { isUpdating, PICTURE_SIZE, takeGallery } from './pictures.ts'
import { type Fleet, openAt, startBrowser, startFleet } from './stage.ts'

const TAGS = {
  w1: 'region=eu,gpu=none',
  w2: 'region=eu,gpu=l4,vram=24',
  w3: 'region=us,gpu=h200,vram=141',
}
const WORDS = 'Summarise a report'

describe('every page', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  let seeds: Seeds

  before(async () => {
    const env = { NAME: 'harbour', ENVIRONMENT: 'demo' }
    const functions = { summarise: markedFunction(WORDS) }
    ;[browser, fleet] = await Promise.all([
      startBrowser(scope),
      startFleet(scope, { env, tags: TAGS, functions }),
    ])
    seeds = await seedFleet(fleet.balancer, {
      name: 'summarise',
      words: WORDS,
      reason: 'moves to another rack',
    })
  })
  after(() => scope.end())

  test('is for everybody, says nothing on the console, and fits a narrow window', async (t) => {
    const { page, watch } = await openAt(t, browser, fleet.balancer, '/logs', 'Logs')
    const faults: string[] = []
    const judge = async (what: string, check: () => Promise<void>) => {
      await check().catch((error: Error) => faults.push(`${what}: ${error.message.slice(0, 2_000)}`))
    }
    for (const { name, path } of everyPage(seeds)) {
      await page.setViewportSize(PICTURE_SIZE)
      await visitPage(page, fleet.balancer, path)
      await judge(name, () => assertAccessible(page))
      await page.setViewportSize(NARROW)
      await judge(`${name}, narrow`, () => assertFits(page))
    }
    assert.deepEqual(faults, [])
    watch.assertClean()
  })

  if (isUpdating)
    test('pictures of all of them', async (t) => {
      const { page } = await openAt(t, browser, fleet.balancer, '/logs', 'Logs')
      await takeGallery(page, fleet.balancer, everyPage(seeds))
    })
})
