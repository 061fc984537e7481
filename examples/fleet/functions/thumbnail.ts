/**
 * Makes a smaller image of an image, both as base64 inside the JSON.
 */
import { defineFunction } from '@berth/worker'
import sharp, { type Metadata, type Sharp } from 'sharp'
import { z } from 'zod'

// The worker's slots are the parallelism; threads of sharp's own on top of them would only queue for cores.
sharp.concurrency(1)

const SIDE_LIMIT = 4_096
/** WebP allows no side longer than this; without a bound a thin image would become an enormous one. */
const DERIVED_HEIGHT_LIMIT = 16_383
/** A few kilobytes may claim to be a picture of gigabytes; this one is refused from its header. */
const PIXEL_LIMIT = 100_000_000

const FORMATS = ['jpeg', 'png', 'webp'] as const

export type ThumbnailRequest = {
  /** base64, with or without a `data:…;base64,` in front. */
  image: string
  width: number
  /** Default: what keeps the proportions. With both, the image is cropped to fill them. */
  height?: number | undefined
  format: (typeof FORMATS)[number]
}

export type Thumbnail = { mediaType: string; width: number; height: number; base64: string }

/** Throws an error in plain words when the image cannot be read or the result would be too high. */
export async function makeThumbnail({ image, width, height, format }: ThumbnailRequest): Promise<Thumbnail> {
  const bytes = Buffer.from(image.replace(/^data:[^,]{0,200};base64,/, ''), 'base64')
  if (bytes.length === 0)
    throw new Error('The image holds no base64 data: send the bytes of the file as base64.')
  const source = sharp(bytes, { failOn: 'error', limitInputPixels: PIXEL_LIMIT }).autoOrient()
  const header = await readWith(source, (opened) => opened.metadata())
  if (height === undefined) refuseTooHigh(header, width)
  const { data, info } = await readWith(source, (opened) =>
    opened.resize({ width, height, fit: 'cover' }).toFormat(format).toBuffer({ resolveWithObject: true }),
  )
  return {
    mediaType: `image/${format}`,
    width: info.width,
    height: info.height,
    base64: data.toString('base64'),
  }
}

function refuseTooHigh({ autoOrient }: Metadata, width: number): void {
  const derived = Math.round((autoOrient.height / autoOrient.width) * width)
  if (derived <= DERIVED_HEIGHT_LIMIT) return
  throw new Error(
    `At width ${width} the image would be ${derived} pixels high, the limit is ${DERIVED_HEIGHT_LIMIT}: ` +
      'give a height or a smaller width.',
  )
}

async function readWith<T>(source: Sharp, read: (source: Sharp) => Promise<T>): Promise<T> {
  try {
    return await read(source)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`The image cannot be read (${reason}): send a whole JPEG, PNG, WebP, GIF or AVIF file.`, {
      cause: error,
    })
  }
}

export default defineFunction({
  input: z.object({
    image: z.string().min(1),
    width: z.number().int().min(1).max(SIDE_LIMIT),
    height: z.number().int().min(1).max(SIDE_LIMIT).optional(),
    format: z.enum(FORMATS).default('jpeg'),
  }),
  output: z.object({ mediaType: z.string(), width: z.number(), height: z.number(), base64: z.string() }),
  config: {
    description: 'Resizes an image',
    timeout: 30_000,
    idempotent: true,
    // Images are large and may be private.
    redact: ['image'],
  },
  handler: (request) => makeThumbnail(request),
})
