/**
 * Which words may stand after the slash.
 *
 * A custom slug is chosen by a person; a generated code is not, and must not embarrass the one who gets it. Both live
 * in one namespace per short host, and both are case-sensitive: `Sale` and `sale` are two links.
 */

/**
 * Shortest custom slug, in characters. One and two are kept back: there are few of them and they are worth something.
 */
export const SLUG_MIN = 3
/** Longest custom slug, in characters. */
export const SLUG_MAX = 64
/** Most segments of a slug: `spring/sale` has two. */
const SEGMENTS_MAX = 5

const segmentShape = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/
const codeShape = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/

/**
 * Words that a path on a short host may need for itself, now or later, or that would let a link pose as the operator.
 * Compared without regard to case.
 */
const reserved: ReadonlySet<string> = new Set(
  (
    'about abuse account admin administrator api app apps assets auth billing blog callback cdn config console contact ' +
    'dashboard docs favicon feed graphql health healthz help home index info install jobs legal link links live login ' +
    'logout mail manage metrics oauth oidc openapi passkey password ping preview privacy public ready register report root ' +
    'rss saml scim security settings setup signin signout signup sitemap sso static stats status stoa support sys system tenant ' +
    'terms test tls token tos undefined upload user users verify version webhook webhooks well-known www null true false'
  ).split(' '),
)

/** Parts that no generated code may contain, in any case and with digits read as the letters they resemble. */
const unkind =
  /anal|anus|arse|bitch|boob|butt|clit|cock|coon|crap|cum|cunt|damn|dick|dildo|dyke|fag|fuck|fuk|gook|hitler|homo|jizz|kike|kkk|milf|nazi|nig|penis|piss|poop|porn|prick|puss|rape|scum|semen|sex|shit|slut|spic|suck|tit|turd|twat|vagin|wank|whore/

const resembling: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', 9: 'g' }

/** Why a custom slug was refused, in words for the caller. */
export interface SlugFault {
  readonly reason: 'length' | 'characters' | 'segments' | 'reserved'
  readonly message: string
}

/** Judges a custom slug; null means that it may be used (whether it is free, only the database knows). */
export function slugFault(slug: string): SlugFault | null {
  if (slug.length < SLUG_MIN || slug.length > SLUG_MAX) {
    return { reason: 'length', message: `A slug has ${SLUG_MIN} to ${SLUG_MAX} characters.` }
  }
  const segments = slug.split('/')
  if (!segments.every((segment) => segmentShape.test(segment))) {
    return {
      reason: 'characters',
      message:
        'A slug is made of letters A–Z and a–z, digits, "_" and "-", and neither begins nor ends with "-". "/" divides it into segments.',
    }
  }
  const [first = ''] = segments
  if (segments.length > SEGMENTS_MAX) {
    return { reason: 'segments', message: `A slug has at most ${SEGMENTS_MAX} segments.` }
  }
  if (first.length < SLUG_MIN) {
    return { reason: 'segments', message: `The first segment of a slug has at least ${SLUG_MIN} characters.` }
  }
  if (isReserved(first)) return { reason: 'reserved', message: 'This word is reserved.' }
  return null
}

/** Whether text could be a code at all. What could not costs no query. */
export function isCodeText(text: string): boolean {
  return text.length <= SLUG_MAX && codeShape.test(text)
}

/** Whether a path that begins with this segment may be the program's own. */
export function isKeptBack(segment: string): boolean {
  return segment.length < SLUG_MIN || isReserved(segment)
}

/** Whether a generated code may be given out. A code that may not is skipped: the next number takes its place. */
export function isKindCode(code: string): boolean {
  return !isReserved(code) && !unkind.test(readAsLetters(code))
}

function isReserved(word: string): boolean {
  return reserved.has(word.toLowerCase())
}

function readAsLetters(code: string): string {
  let letters = ''
  for (const character of code.toLowerCase()) letters += resembling[character] ?? character
  return letters
}
