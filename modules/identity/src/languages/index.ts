import { en, type Language, type Text } from './en.ts'
import { hi } from './hi.ts'

export type { Text } from './en.ts'

/** The languages, by their tag (BCP 47). One file each; a new one is one more line here. */
export const languages = { en, hi } as const satisfies Readonly<Record<string, Language>>

/** A language that there is. */
export type Locale = keyof typeof languages

/** The languages, the default first. */
export const locales = Object.keys(languages) as readonly Locale[]

/** Longest `Accept-Language` that is looked at, in characters and in entries. */
const MAX_HEADER = 500
const MAX_ENTRIES = 20

/** The language of a tag: `hi-IN` is `hi`; null when there is none. */
export function localeOf(tag: string | null | undefined): Locale | null {
  const primary = tag?.slice(0, 35).toLowerCase().split('-')[0]
  return locales.find((locale) => locale === primary) ?? null
}

/** The language that a reader likes most (RFC 9110, 12.5.4), or the default. */
export function acceptedLocale(header: string | undefined): Locale {
  const wanted = (header ?? '')
    .slice(0, MAX_HEADER)
    .split(',', MAX_ENTRIES)
    .map((entry) => {
      const [tag = '', ...parameters] = entry.split(';').map((part) => part.trim())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
      return { locale: localeOf(tag), quality: quality === undefined ? 1 : Number(quality) }
    })
    .filter(({ locale, quality }) => locale !== null && quality > 0)
    .sort((one, other) => other.quality - one.quality)
  return wanted[0]?.locale ?? 'en'
}

/** What is put into a text, by the names in its braces. */
export type Fillings = Readonly<Record<string, string | number>>

/** Says texts in one language. */
export type Say = (text: Text, fillings?: Fillings) => string

/** Says texts in this language. */
export function sayIn(locale: Locale): Say {
  const texts: Language = languages[locale]
  return (text, fillings) =>
    fillings === undefined
      ? texts[text]
      : texts[text].replace(/\{(\w+)\}/g, (whole, name: string) => String(fillings[name] ?? whole))
}
