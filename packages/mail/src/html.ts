/*
 * HTML by a tagged template that escapes whatever is put into it. It reads the template's own text once, to know where
 * each value stands, because escaping is right in text and in a quoted attribute and nowhere else:
 *
 *   <p>${text}</p>            escaped; Html and lists of Html go in as they are
 *   <a href="${address}">     escaped, and only http, https, mailto, tel and cid; anything else becomes `#`
 *   <p title="${text}">       escaped
 *   <p ${x}> <p id=${x}> <style>${x} onclick="${x}" style="${x}" <!-- ${x} -->      TypeError: a mistake of the program
 */

/** What may stand in a template. null, undefined and booleans are nothing, so that `condition && html\`…\`` works. */
export type HtmlValue = string | number | bigint | boolean | null | undefined | Html | readonly HtmlValue[]

const KEY = Symbol('html')

/** Markup in which every value was escaped. */
export class Html {
  readonly #markup: string

  constructor(key: symbol, markup: string) {
    if (key !== KEY) throw new TypeError('Html is made by the tag html, or by trustedHtml')
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

/** HTML with its values escaped. @throws TypeError when a value stands where escaping cannot make it safe */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const places = placesOf(parts)
  let markup = parts[0] ?? ''
  for (const [index, value] of values.entries()) {
    markup += rendered(value, places[index] as Place) + parts[index + 1]
  }
  return new Html(KEY, markup)
}

/** Markup that is known to be safe, and goes in as it is. Never of anything that somebody has typed in. */
export function trustedHtml(markup: string): Html {
  return new Html(KEY, markup)
}

function rendered(value: HtmlValue, place: Place): string {
  if (value === null || value === undefined || typeof value === 'boolean') return ''
  if (value instanceof Html) {
    if (place !== 'text') throw new TypeError('HTML cannot stand in an attribute')
    return value.toString()
  }
  if (typeof value === 'object') {
    if (!Array.isArray(value)) throw new TypeError('a value in HTML is text, a number, HTML or a list of them')
    return value.map((item: HtmlValue) => rendered(item, place)).join('')
  }
  const text = String(value)
  return escaped(place === 'link' ? safeLink(text) : text)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n\r]/gu, '')
    .replace(/[&<>"'`]/g, (character) => ENTITIES[character] as string)
}

function safeLink(text: string): string {
  // Programs that show HTML skip control characters and blanks when they look for the scheme.
  return /^(?:https?|mailto|tel|cid):/i.test(text.replace(/[\p{Cc} ]/gu, '')) ? text.trim() : '#'
}

/** Where a value stands. */
type Place = 'text' | 'attribute' | 'link'

const known = new WeakMap<TemplateStringsArray, readonly Place[]>()

function placesOf(parts: TemplateStringsArray): readonly Place[] {
  const found = known.get(parts)
  if (found) return found
  const scanner = new Scanner()
  const places: Place[] = []
  for (const [index, part] of parts.entries()) {
    scanner.read(part)
    if (index < parts.length - 1) places.push(scanner.place())
  }
  scanner.end()
  known.set(parts, places)
  return places
}

const LINKS = new Set(['href', 'src', 'action', 'background', 'cite', 'longdesc', 'poster', 'formaction', 'data'])
/** What is inside of these is no HTML. */
const RAW = new Set(['script', 'style', 'title', 'textarea', 'iframe', 'noscript', 'noembed', 'xmp', 'template'])

type State = 'text' | 'tag' | 'value' | 'comment' | 'raw'

/** Follows the markup of a template as far as it takes to know where a value stands. */
class Scanner {
  #state: State = 'text'
  /** Of the tag that is open, in lower case. */
  #element = ''
  #attribute = ''
  #quote = ''
  /** What stands in the attribute's value before the place. */
  #valueBefore = ''

  read(part: string): void {
    for (let at = 0; at < part.length; ) at = this.#step(part, at)
  }

  place(): Place {
    if (this.#state === 'text') return 'text'
    if (this.#state !== 'value') throw misplaced(this.#state === 'tag' ? 'inside of a tag' : `in a ${this.#state} part`)
    if (/^on|^style$|^srcset$|^srcdoc$/.test(this.#attribute)) throw misplaced(`in the attribute ${this.#attribute}`)
    const begins = this.#valueBefore === ''
    this.#valueBefore += '\u{fffd}'
    return LINKS.has(this.#attribute) && begins ? 'link' : 'attribute'
  }

  end(): void {
    if (this.#state !== 'text')
      throw new TypeError(`a template of HTML must be whole: this one ends in a ${this.#state}`)
  }

  #step(part: string, at: number): number {
    switch (this.#state) {
      case 'text':
        return this.#text(part, at)
      case 'tag':
        return this.#tag(part, at)
      case 'value':
        return this.#value(part, at)
      case 'comment':
        return this.#until(part, at, '-->')
      case 'raw':
        return this.#until(part, at, `</${this.#element}`)
    }
  }

  #text(part: string, at: number): number {
    const open = part.indexOf('<', at)
    if (open < 0) return part.length
    if (part.startsWith('<!--', open)) {
      this.#state = 'comment'
      return open + 4
    }
    const [, element = ''] = /^<\/?([a-z][^\s/>]*|!doctype)/i.exec(part.slice(open, open + 40)) ?? []
    if (element === '') {
      if (open + 1 >= part.length) throw misplaced('as the name of a tag')
      return open + 1
    }
    this.#state = 'tag'
    this.#element = part[open + 1] === '/' ? '' : element.toLowerCase()
    return open + (part[open + 1] === '/' ? 2 : 1) + element.length
  }

  #tag(part: string, at: number): number {
    if (part[at] === '>') {
      this.#state = RAW.has(this.#element) ? 'raw' : 'text'
      return at + 1
    }
    const rest = part.slice(at)
    const [quoted, attribute, quote] = /^([^\s"'<>/=]+)\s*=\s*(["'])/.exec(rest) ?? []
    if (quoted !== undefined && attribute !== undefined && quote !== undefined) {
      this.#state = 'value'
      this.#attribute = attribute.toLowerCase()
      this.#quote = quote
      this.#valueBefore = ''
      return at + quoted.length
    }
    const [plain = ''] = /^(?:[^\s"'<>/=]+(?:\s*=\s*[^\s"'<>]*)?|[\s/])/.exec(rest) ?? []
    if (plain === '') throw new TypeError(`a template of HTML is broken at '${rest.slice(0, 20)}'`)
    return at + plain.length
  }

  #value(part: string, at: number): number {
    const close = part.indexOf(this.#quote, at)
    this.#valueBefore += part.slice(at, close < 0 ? undefined : close).trim()
    if (close < 0) return part.length
    this.#state = 'tag'
    return close + 1
  }

  #until(part: string, at: number, end: string): number {
    const found = part.toLowerCase().indexOf(end, at)
    if (found < 0) return part.length
    if (this.#state === 'raw') this.#element = ''
    this.#state = this.#state === 'raw' ? 'tag' : 'text'
    return found + end.length
  }
}

function misplaced(where: string): TypeError {
  return new TypeError(`a value cannot stand ${where}: only in text, or in a quoted attribute`)
}
