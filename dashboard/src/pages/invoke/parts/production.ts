/** Whether the name of an environment (`ENVIRONMENT`) means that a call is asked about first. */
export function isProduction(environment: string | null): boolean {
  return environment !== null && /^(?:prod|prd|live)/i.test(environment)
}
