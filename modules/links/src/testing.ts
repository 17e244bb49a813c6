/**
 * Links for other people's tests, made through the public API: what a test seeds is what a user could have made.
 */
import type { Link, NewLink } from './contract.ts'

/** Sends a request with the credentials of a tenant that has `links:write`. The client of a test suite fits. */
export interface SeedCaller {
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>
}

/**
 * Makes a link; to `https://example.com/` unless `over` says otherwise.
 * @throws Error with the problem when the link is refused
 */
export async function seedLink(caller: SeedCaller, over: Partial<NewLink> = {}): Promise<Link> {
  const { status, body } = await caller.post('/api/v1/links', { target: 'https://example.com/', ...over })
  if (status !== 201) throw new Error(`no link was made (${status}): ${JSON.stringify(body)}`)
  return body as Link
}

/** Makes links one after the other, so their order of creation is the order given. */
export async function seedLinks(
  caller: SeedCaller,
  count: number,
  each: (index: number) => Partial<NewLink> = () => ({}),
): Promise<Link[]> {
  const links: Link[] = []
  for (let index = 0; index < count; index++) links.push(await seedLink(caller, each(index)))
  return links
}
