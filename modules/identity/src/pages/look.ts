/*
 * How pages look: one style, which follows the reader's choice of light or dark, with one colour and a picture of the
 * tenant. The colour is that of buttons alone, and what is written on them is black or white, whichever can be read: so
 * no choice of a tenant makes a page unreadable.
 */
/** How the pages of a tenant look. */
export interface Look {
  readonly name: string
  readonly logoUrl: string | null
  /** The style, complete. */
  readonly style: string
  /** Where the picture is from; null: there is none. */
  readonly imageOrigin: string | null
}

const DEFAULT_COLOR = '#1f4fd8'

const STYLE = `:root{color-scheme:light dark;--text:#1b1b1b;--page:#fff;--soft:#595959;--line:#6b6b6b;--error:#a3180f;--good:#1d6b2c;font:1rem/1.5 system-ui,sans-serif}
@media(prefers-color-scheme:dark){:root{--text:#f2f2f2;--page:#161616;--soft:#b8b8b8;--line:#8f8f8f;--error:#ffb4ab;--good:#9ad6a4}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text)}
header,main,footer{max-width:34rem;margin:0 auto;padding:1rem}
header{font-weight:600;display:flex;gap:.75rem;align-items:center}header img{max-height:2.5rem;max-width:10rem}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0 1rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}
a{color:inherit}a,button,input,select{border-radius:.25rem}
:focus-visible{outline:3px solid currentColor;outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--page);padding:.25rem .5rem}
.field{margin:0 0 1.1rem}label{display:block;font-weight:600}.check label{display:inline;font-weight:400}
.hint{margin:0;color:var(--soft)}.error{margin:.1rem 0;color:var(--error);font-weight:600}
input:not([type=checkbox]),select{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);padding:.5rem;width:100%;margin-top:.25rem}
input[type=checkbox]{width:1.25rem;height:1.25rem;vertical-align:-.2rem;margin:0 .5rem 0 0}
button{font:inherit;font-weight:600;border:2px solid var(--text);padding:.55rem 1.1rem;cursor:pointer}
button.plain{background:none;color:inherit;border:1px solid var(--line);padding:.25rem .6rem;font-weight:400}
.summary{border:3px solid var(--error);padding:.75rem 1rem;margin:0 0 1.25rem}.summary h2{margin:0;font-size:1.1rem}.summary ul{margin:.25rem 0 0;padding-left:1.2rem}
.status{border-left:4px solid var(--good);padding:.5rem .9rem;margin:0 0 1.25rem}
.list{list-style:none;padding:0}.list li{border-top:1px solid var(--line);padding:.75rem 0}.list p{margin:0 0 .4rem}
code{font-size:1.05rem;overflow-wrap:anywhere}.codes{columns:2;padding-left:1.2rem}
footer{color:var(--soft);font-size:.95rem}
`

const known = new Map<string, Look>()
const KNOWN_MAX = 1_000

/** The look of a tenant. @param color `#1a2b3c`; null for ours */
export function lookOf(name: string, color: string | null, logoUrl: string | null): Look {
  const key = JSON.stringify([name, color, logoUrl])
  let look = known.get(key)
  if (look === undefined) {
    look = made(name, color ?? DEFAULT_COLOR, logoUrl)
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(key, look)
  }
  return look
}

function made(name: string, color: string, logoUrl: string | null): Look {
  // It goes into the style as it is: nothing but a colour may.
  const safe = /^#[0-9a-f]{6}$/.test(color) ? color : DEFAULT_COLOR
  const style = `${STYLE}button.main{background:${safe};color:${textOn(safe)};border-color:${safe}}`
  const picture = logoUrl === null ? null : URL.parse(logoUrl)
  const imageOrigin = picture?.protocol === 'https:' ? picture.origin : null
  return { name, logoUrl: imageOrigin === null ? null : logoUrl, style, imageOrigin }
}

/** Black or white, whichever contrasts more (WCAG 2.2, relative luminance): 4.58 to 1 at the least. */
function textOn(color: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
    linear(Number.parseInt(color.slice(at, at + 2), 16) / 255),
  )
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#fff' : '#000'
}

function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
}
