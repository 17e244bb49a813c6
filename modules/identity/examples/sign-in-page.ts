/*
 * Makes the sign-in page of an organisation its own, and lets people register there.
 *
 *   STOA_URL=http://127.0.0.1:3000 STOA_KEY=stoa_… STOA_TENANT=demo node examples/sign-in-page.ts
 */
const { STOA_URL: url = 'http://127.0.0.1:3000', STOA_KEY: key = '', STOA_TENANT: tenant = 'demo' } = process.env
const settings = `${url}/api/v1/identity/sign-in-settings`
const authorization = `Bearer ${key}`

const before = await fetch(settings, { headers: { authorization } })
const saved = await fetch(settings, {
  method: 'PUT',
  headers: { authorization, 'content-type': 'application/json', 'if-match': before.headers.get('etag') ?? '"0"' },
  body: JSON.stringify({ registration: 'open', displayName: 'Acme', color: '#0b5fff' }),
})
if (!saved.ok) throw new Error(`the settings were refused: ${await saved.text()}`)

const page = await (await fetch(`${url}/t/${tenant}/sign-in`, { headers: { 'accept-language': 'hi' } })).text()
console.log(/<title>(.*)<\/title>/.exec(page)?.[1])
console.log(page.includes(`href="/t/${tenant}/register"`) ? 'anybody may register' : 'nobody may register')
