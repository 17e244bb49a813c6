import { type Agent, get } from 'node:https'

/** How to ask. */
export interface GetOptions {
  /** Connects. Default: Node's own. */
  readonly agent?: Agent | undefined
  readonly timeoutMs: number
  readonly maxBytes: number
}

/**
 * The body of an answer 200 to a GET by HTTPS; follows no redirect.
 *
 * @throws Error when there is none in time, or it is larger
 */
export function httpsGet(url: URL, { agent, timeoutMs, maxBytes }: GetOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        return reject(new Error(`${url.host} answered ${response.statusCode}`))
      }
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes > maxBytes) request.destroy(new Error(`${url.host} answered more than ${maxBytes} bytes`))
      })
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}
