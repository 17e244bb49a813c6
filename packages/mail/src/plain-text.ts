/*
 * The text of HTML, for those who read mail as text. One pass from left to right, so that no input makes it slow:
 * blocks become lines, links keep their addresses, what is not shown is left out.
 */

/** Their content is not shown. */
const HIDDEN = new Set(['head', 'style', 'script', 'title', 'template', 'noscript'])
const BLOCKS = new Set(
  'address article blockquote body br center dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main ol p pre section table tbody tfoot thead tr ul'.split(
    ' ',
  ),
)
/** With an empty line before. */
const PARAGRAPHS = new Set('blockquote dl h1 h2 h3 h4 h5 h6 ol p table ul'.split(' '))

/** HTML as text: lines by `\n`, without blanks at their ends. */
export function textOf(markup: string): string {
  const writer = new Writer()
  for (let at = 0; at < markup.length; ) {
    const open = markup.indexOf('<', at)
    writer.text(markup.slice(at, open < 0 ? undefined : open))
    if (open < 0) break
    at = tag(markup, open, writer)
  }
  return writer.done()
}

/** Reads the tag at a `<`; gives where to go on. */
function tag(markup: string, open: number, writer: Writer): number {
  if (markup.startsWith('<!--', open)) return after(markup, '-->', open)
  const [, slash = '', name = ''] = /^<(\/?)([a-z][a-z0-9]*)/i.exec(markup.slice(open, open + 32)) ?? []
  if (name === '') {
    if (/[!?/]/.test(markup[open + 1] ?? '')) return after(markup, '>', open)
    writer.text('<')
    return open + 1
  }
  const end = tagEnd(markup, open)
  const element = name.toLowerCase()
  if (slash === '' && HIDDEN.has(element)) return hidden(markup, element, end)
  writer.tag(element, slash !== '', (attribute) => attributeOf(markup.slice(open, end), attribute))
  return end
}

function after(markup: string, text: string, from: number): number {
  const found = markup.indexOf(text, from)
  return found < 0 ? markup.length : found + text.length
}

/** Behind the `>` that is in no quotes. */
function tagEnd(markup: string, open: number): number {
  let quote = ''
  for (let at = open; at < markup.length; at++) {
    const character = markup[at] as string
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") {
      quote = character
    } else if (character === '>') {
      return at + 1
    }
  }
  return markup.length
}

function hidden(markup: string, element: string, from: number): number {
  // The first closing tag of the name, in any case of letters.
  const closing = new RegExp(`</${element}[\\s>]`, 'gi')
  closing.lastIndex = from
  const found = closing.exec(markup)
  return found === null ? markup.length : after(markup, '>', found.index)
}

function attributeOf(tag: string, name: string): string {
  const [, double, single, bare] =
    new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag) ?? []
  return decoded(double ?? single ?? bare ?? '').trim()
}

class Writer {
  /** Looked at piece by piece: a long text that is put together and searched in turn costs its square. */
  readonly #out: string[] = []
  /** Line breaks that are owed before the next text. */
  #breaks = 0
  #blank = false
  readonly #links: { readonly address: string; readonly from: number }[] = []

  text(source: string): void {
    if (source === '') return
    const text = decoded(source).replace(/[ \t\r\n\f]+/g, ' ')
    const trimmed = text.trim()
    if (text.startsWith(' ')) this.#blank = true
    if (trimmed === '') return
    this.#write(trimmed)
    this.#blank = text.endsWith(' ')
  }

  tag(element: string, closes: boolean, attribute: (name: string) => string): void {
    if (closes && element === 'br') return
    if (element === 'a') {
      if (closes) this.#endLink()
      else this.#beginLink(attribute('href'))
    }
    if (BLOCKS.has(element)) this.#break(PARAGRAPHS.has(element) ? 2 : 1, element === 'br')
    else if (element === 'td' || element === 'th') this.#blank = true
    if (closes) return
    if (element === 'li') this.#write('- ')
    else if (element === 'hr') {
      this.#write('----')
      this.#break(1, false)
    } else if (element === 'img') this.text(escapedText(attribute('alt')))
  }

  done(): string {
    return this.#out.join('').replace(/ +$/gm, '').trim()
  }

  #break(count: number, always: boolean): void {
    this.#breaks = always ? Math.min(this.#breaks + 1, 2) : Math.max(this.#breaks, count)
    this.#blank = false
  }

  #write(text: string): void {
    const last = this.#out.at(-1)
    if (last !== undefined && this.#breaks > 0) this.#out.push('\n'.repeat(this.#breaks))
    else if (last !== undefined && this.#blank && !last.endsWith(' ')) this.#out.push(' ')
    this.#breaks = 0
    this.#blank = false
    this.#out.push(text)
  }

  #beginLink(address: string): void {
    if (this.#links.length < 50) this.#links.push({ address, from: this.#out.length })
  }

  #endLink(): void {
    const link = this.#links.pop()
    if (!link || !/^(https?|mailto|tel):/i.test(link.address)) return
    const shown = this.#out.slice(link.from).join('').trim()
    const bare = link.address.replace(/^(mailto|tel):/i, '')
    if (shown === link.address || shown === bare) return
    this.#blank = shown !== ''
    this.#write(shown === '' ? link.address : `(${link.address})`)
  }
}

/** So that it can be decoded again. */
const escapedText = (text: string) => text.replaceAll('&', '&amp;')

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  reg: '®',
  trade: '™',
  euro: '€',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  bull: '•',
  middot: '·',
  times: '×',
  zwnj: '',
  shy: '',
}

function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    const valid = code >= 32 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
    return valid ? String.fromCodePoint(code) : ' '
  })
}
