import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import sharp from 'sharp'
import { makeThumbnail } from '../functions/thumbnail.ts'

async function makeImage(width: number, height: number): Promise<string> {
  const background = { r: 200, g: 40, b: 40 }
  const data = await sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer()
  return data.toString('base64')
}

describe('thumbnail', () => {
  test('keeps the proportions when only a width is given', async () => {
    const thumbnail = await makeThumbnail({ image: await makeImage(640, 480), width: 160, format: 'jpeg' })
    assert.equal(thumbnail.mediaType, 'image/jpeg')
    assert.deepEqual([thumbnail.width, thumbnail.height], [160, 120])
  })

  for (const format of ['jpeg', 'png', 'webp'] as const) {
    test(`answers ${format} of exactly the size asked for`, async () => {
      const image = await makeImage(300, 200)
      const { base64, mediaType } = await makeThumbnail({ image, width: 64, height: 64, format })
      const { width, height, format: made } = await sharp(Buffer.from(base64, 'base64')).metadata()
      assert.deepEqual(
        { width, height, made, mediaType },
        { width: 64, height: 64, made: format, mediaType: `image/${format}` },
      )
    })
  }

  test('shows the picture, not something of its size', async () => {
    const { base64 } = await makeThumbnail({ image: await makeImage(100, 100), width: 10, format: 'png' })
    const { channels } = await sharp(Buffer.from(base64, 'base64')).stats()
    assert.ok(Math.abs((channels[0]?.mean ?? 0) - 200) < 5 && Math.abs((channels[2]?.mean ?? 0) - 40) < 5)
  })

  test('turns a photograph upright', async () => {
    const lying = await sharp(Buffer.from(await makeImage(400, 200), 'base64'))
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const { width, height } = await makeThumbnail({
      image: lying.toString('base64'),
      width: 50,
      format: 'jpeg',
    })
    assert.deepEqual([width, height], [50, 100])
  })

  test('takes a data URL', async () => {
    const image = `data:image/jpeg;base64,${await makeImage(20, 20)}`
    assert.equal((await makeThumbnail({ image, width: 10, format: 'jpeg' })).width, 10)
  })

  test('says what is wrong with what is no image', async () => {
    const image = Buffer.from('this is a text').toString('base64')
    await assert.rejects(makeThumbnail({ image, width: 10, format: 'jpeg' }), {
      message: /^The image cannot be read \(.*unsupported image format.*\): send a whole JPEG/,
    })
  })

  test('refuses half an image', async () => {
    const noise = await sharp({
      create: {
        width: 400,
        height: 400,
        channels: 3,
        background: 'black',
        noise: { type: 'gaussian', mean: 128, sigma: 30 },
      },
    })
      .jpeg()
      .toBuffer()
    const image = noise.subarray(0, noise.length / 2).toString('base64')
    await assert.rejects(makeThumbnail({ image, width: 10, format: 'jpeg' }), /The image cannot be read/)
  })

  test('refuses what holds no data', async () => {
    await assert.rejects(makeThumbnail({ image: '!!!', width: 10, format: 'jpeg' }), /no base64 data/)
  })

  test('refuses a result that would be thousands of times as high as wide', async () => {
    const image = await makeImage(1, 100)
    await assert.rejects(makeThumbnail({ image, width: 4096, format: 'jpeg' }), {
      message: /would be 409600 pixels high, the limit is 16383: give a height or a smaller width/,
    })
  })
})
