/* The one page of the application. */
import { hash } from 'node:crypto'

const STYLE = `:root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:light-dark(#f3f1ec,#17191c);color:light-dark(#1d1d1b,#ececea)}
main{width:min(30rem,100% - 3rem);padding:2.5rem;border-radius:1.25rem;background:light-dark(#fff,#22262a);box-shadow:0 1rem 3rem #0002}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem}p{margin:0 0 1.75rem;color:light-dark(#57544c,#b9b6ae)}
a,button{display:inline-block;font:inherit;font-weight:600;padding:.7rem 1.4rem;border:0;border-radius:99rem;cursor:pointer;text-decoration:none;background:#0f6b57;color:#fff}
:focus-visible{outline:3px solid currentColor;outline-offset:3px}`

/** Nothing but our own style; forms lead here, and from here to where one signs out. */
export function policyFor(issuerOrigin: string): string {
  const style = `'sha256-${hash('sha256', STYLE, 'base64')}'`
  return `default-src 'none'; style-src ${style}; form-action 'self' ${issuerOrigin}; base-uri 'none'; frame-ancestors 'none'`
}

/** The page, for somebody or for nobody. */
export function homePage(person: { readonly name: string; readonly email: string } | null): string {
  const content =
    person === null
      ? `<h1>The reading room</h1><p>You are not signed in.</p><a href="/sign-in">Sign in</a>`
      : `<h1>Welcome, ${escaped(person.name)}</h1><p>Signed in as <b id="email">${escaped(person.email)}</b>. The tokens are on the server.</p>
<form method="post" action="/sign-out"><button>Sign out everywhere</button></form>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>The reading room</title><style>${STYLE}</style></head>
<body><main>${content}</main></body></html>
`
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ESCAPES[sign] as string)
}
