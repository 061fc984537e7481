/**
 * The main job on real input: images to thumbnails and long texts to counts, through a balancer and three
 * workers of different size, with the executions noted by the functions themselves.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { findPeaks } from '../harness/executions.ts'
import { makeImage, makeText } from '../harness/samples.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { bodyOf, type Noted, writeNotedFleet } from './fleet.ts'
import { callAtOnce } from './load.ts'

const SLOTS = [2, 3, 4]
const BODY_LIMIT_BYTES = 10 * 1024 * 1024

type Picture = { width: number; height: number; base64: string }

describe('real work through a balancer and three workers', () => {
  const scope = createScope()
  let noted: Noted
  let workers: Worker[]
  let balancer: Balancer

  before(async () => {
    noted = await writeNotedFleet(await makeFolder(scope, 'fleet'), ['thumbnail', 'word-count'])
    const starts = SLOTS.map((slots) =>
      startWorker(scope, { folder: noted.folder, env: { SLOTS: `${slots}` } }),
    )
    workers = await Promise.all(starts)
    const entries = workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
    balancer = await startBalancer(scope, { workers: entries })
    await waitForWorkers(balancer, SLOTS.length)
  })
  after(() => scope.end())

  test('300 thumbnails, 30 at a time: all right, and no worker over its slots', async () => {
    const pictures = await makePictures()
    const largest = Math.max(...pictures.map(({ base64 }) => base64.length))
    assert.ok(largest > 2_000_000, `the largest image has ${largest} characters of base64`)

    const wrong = await callAtOnce(300, 30, async (index) => {
      const picture = pictures[index % pictures.length] as Picture
      const width = 32 + (index % 7) * 40
      const format = (['jpeg', 'png', 'webp'] as const)[index % 3]
      const input = { image: picture.base64, width, format }
      const answer = await postTask(balancer, { function: 'thumbnail', input })
      if (answer.status !== 200) return `${index}: ${answer.status} ${answer.text}`
      const { base64, ...said } = bodyOf(answer).result as { base64: string; width: number; height: number }
      const seen = await sharp(Buffer.from(base64, 'base64')).metadata()
      const wanted = { width, height: Math.round((picture.height / picture.width) * width), format }
      const isRight =
        seen.format === format && seen.width === width && Math.abs((seen.height ?? 0) - wanted.height) <= 1
      const isSaid = said.width === seen.width && said.height === seen.height
      return isRight && isSaid ? undefined : `${index}: ${JSON.stringify({ wanted, said, seen })}`
    })
    assert.deepEqual(wrong.filter(Boolean), [])

    const executions = await noted.read()
    assert.equal(executions.filter(({ event }) => event === 'finished').length, 300)
    const peaks = findPeaks(executions)
    // Thirty at a time are more than nine slots: every worker was full, and none was more than that.
    assert.deepEqual(
      workers.map(({ pid }) => peaks.get(pid)),
      SLOTS,
    )
  })

  test('texts of every size up to the body limit are counted, one byte more is 413', async () => {
    for (const bytes of [0, 1_000, 100_000, 1_000_000, 5_000_000]) {
      const text = makeText(bytes)
      const answer = await postTask(balancer, { function: 'word-count', input: { text } })
      assert.equal(answer.status, 200, answer.text)
      assert.deepEqual(pick(bodyOf(answer).result), countPlainly(text))
    }
    const full = makeBody(BODY_LIMIT_BYTES)
    const last = await postTask(balancer, full)
    assert.equal(last.status, 200, last.text.slice(0, 500))
    assert.deepEqual(pick(bodyOf(last).result), countPlainly(JSON.parse(full).input.text))

    const executed = (await noted.read()).length
    const over = await postTask(balancer, makeBody(BODY_LIMIT_BYTES + 1))
    assert.deepEqual([over.status, bodyOf(over).code], [413, 'PAYLOAD_TOO_LARGE'])
    assert.equal((await noted.read()).length, executed)
  })
})

/** Photograph-like images of several sizes and formats, up to a few megabytes as base64. */
async function makePictures(): Promise<Picture[]> {
  const wanted = [
    [64, 48, 'png'],
    [320, 240, 'jpeg'],
    [300, 500, 'webp'],
    [800, 600, 'png'],
    [1600, 1200, 'jpeg'],
    [1000, 1000, 'webp'],
    [1000, 720, 'png'],
    [3000, 2000, 'jpeg'],
  ] as const
  const made = wanted.map(async ([width, height, format]) => {
    const image = await makeImage(width, height, format)
    return { width, height, base64: image.toString('base64') }
  })
  return Promise.all(made)
}

/** A task whose body has exactly so many bytes. */
function makeBody(bytes: number): string {
  const around = JSON.stringify({ function: 'word-count', input: { text: '' } }).length
  // A line break takes two bytes in JSON, so the text is made of one line.
  const text = 'berth '.repeat(Math.ceil(bytes / 6)).slice(0, bytes - around)
  return JSON.stringify({ function: 'word-count', input: { text } })
}

function countPlainly(text: string): { words: number; lines: number; characters: number } {
  const lines = text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { words: text.match(/[a-z]+/g)?.length ?? 0, lines, characters: text.length }
}

function pick(result: Record<string, unknown> | undefined): unknown {
  const { words, lines, characters } = result ?? {}
  return { words, lines, characters }
}
