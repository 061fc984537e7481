/**
 * Real inputs for tests: images and texts of a wanted size.
 */
import sharp from 'sharp'

const WORDS = 'the tide lifts every boat in the harbour and no berth stays empty for long'.split(' ')

/** A noisy photograph-like image, which does not compress to nothing. */
export async function makeImage(
  width: number,
  height: number,
  format: 'jpeg' | 'png' | 'webp' = 'jpeg',
): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const create = { width, height, channels: 3, background: 'black', noise } as const
  return sharp({ create }).toFormat(format).toBuffer()
}

/** Plain ASCII prose of exactly so many bytes, always the same. */
export function makeText(sizeBytes: number): string {
  const sentence = `${WORDS.join(' ')}.\n`
  return sentence.repeat(Math.ceil(sizeBytes / sentence.length)).slice(0, sizeBytes)
}
