/** A port that cannot be had, in one line that says what to do. Thrown at start by whatever listens; shown by main. */
export class ListenError extends Error {
  /** `variable`: the setting that names the port. */
  constructor(error: NodeJS.ErrnoException, host: string, port: number, variable: string) {
    super(explain(error, host, port, variable), { cause: error })
  }
}

function explain(error: NodeJS.ErrnoException, host: string, port: number, variable: string): string {
  if (error.code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use: end what listens there, or set ${variable} to another one`
  if (error.code === 'EACCES')
    return `port ${port} on ${host} is not allowed: set ${variable} to one above 1023`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `this machine has no address ${host}: set HOST to one of its own, such as 127.0.0.1`
  return `cannot listen on ${host}:${port}: ${error.message}`
}
