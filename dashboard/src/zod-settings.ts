/**
 * Must be the first import of the page: zod would compile its checks with `new Function`, which the
 * balancer's content policy forbids, and decides that when a schema is made.
 */
import { z } from 'zod'

z.config({ jitless: true })
