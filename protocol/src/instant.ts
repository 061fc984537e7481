/** An instant as every request writes it: ISO 8601 with a zone. Used by all bodies and queries that name one. */
import { z } from 'zod'

export const instantSchema = z.iso.datetime({
  offset: true,
  error: 'must be an ISO 8601 instant with a zone',
})
