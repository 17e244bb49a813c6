/**
 * What a page says of itself in its head: title, description, image. It is a stranger's page, so the text is looked
 * through for what is wanted and nothing is made of the rest: no tree, no script, no nested markup.
 */

/** What a page says of itself. */
export interface PageInfo {
  readonly title: string | null
  readonly description: string | null
  /** An absolute address of http or https. */
  readonly image: string | null
}

const LOOKED_AT = 262_144
const TITLE_MAX = 200
const DESCRIPTION_MAX = 500

/**
 * Reads the head of a page.
 *
 * @param url of the page: what its image is relative to
 */
export function pageInfo(html: string, url: string): PageInfo {
  const head = html.slice(0, LOOKED_AT).replace(/<!--[\s\S]*?(?:-->|$)|<(script|style)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, '')
  const named = metaOf(head)
  const title = /<title\b[^>]{0,200}>([^<]{0,2000})/i.exec(head)?.[1]
  return {
    title: tidy(named.get('og:title') ?? title, TITLE_MAX),
    description: tidy(named.get('og:description') ?? named.get('description'), DESCRIPTION_MAX),
    image: imageOf(named.get('og:image'), url),
  }
}

function metaOf(head: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [tag] of head.matchAll(/<meta\b[^>]{0,2000}>/gi)) {
    const name = (attribute(tag, 'property') ?? attribute(tag, 'name'))?.toLowerCase()
    const content = attribute(tag, 'content')
    if (name !== undefined && content !== undefined && !found.has(name)) found.set(name, content)
  }
  return found
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag)
  return found?.[1] ?? found?.[2] ?? found?.[3]
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

function tidy(text: string | undefined, max: number): string | null {
  if (text === undefined) return null
  const plain = text
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (all, decimal, hex, name) =>
      character(all, decimal, hex, name),
    )
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return plain === '' ? null : [...plain].slice(0, max).join('').trim()
}

function character(all: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return entities[name.toLowerCase()] ?? all
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : ' '
}

function imageOf(text: string | undefined, base: string): string | null {
  const found = text === undefined ? null : URL.parse(text.replaceAll('&amp;', '&').trim(), base)
  if (found === null || (found.protocol !== 'http:' && found.protocol !== 'https:')) return null
  return found.href.length > 2_048 || found.username !== '' ? null : found.href
}
