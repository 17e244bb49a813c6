import type { Fetcher } from '@stoa/outbound'

/** Statuses that have no body (Fetch, 2.2.3). */
const BODILESS = new Set([101, 204, 205, 304])

/** A fetcher as libraries call one. What they ask for is text, and so is what they get. */
export function fetchBy(fetcher: Fetcher) {
  return async (url: string, options: RequestInit): Promise<Response> => {
    const { body, headers, method, signal } = options
    const { headers: answered, ...answer } = await fetcher(url, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers: Object.fromEntries(new Headers(headers)),
      ...(body != null && { body: String(body) }),
      ...(signal && { signal }),
    })
    const type = answered['content-type']
    return new Response(BODILESS.has(answer.status) ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    })
  }
}
