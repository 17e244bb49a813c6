import type { KoaContextWithOIDC } from 'oidc-provider'
import type { ProviderPages } from './provider-deps.ts'

/** Pages of plain words. */
export const plainPages: ProviderPages = {
  failure(koa, out) {
    const { error, error_description: description } = out as Record<string, unknown>
    show(koa, 'This did not work', `<p>${escaped(String(description ?? error))}</p>`)
  },
  deviceCode: (koa, form) =>
    show(koa, 'Connect a device', `${form}<button type="submit" form="op.deviceInputForm">Continue</button>`),
  deviceConfirmation: (koa, form, _client, _place, code) =>
    show(
      koa,
      'Connect a device',
      `<p>${escaped(code)}</p>${form}<button type="submit" form="op.deviceConfirmForm">Continue</button>`,
    ),
  deviceDone: (koa) => show(koa, 'The device is connected', '<p>You can close this page.</p>'),
  signOut: (koa, form) =>
    show(
      koa,
      'Sign out',
      `${form}<button type="submit" form="op.logoutForm" value="yes" name="logout">Sign out</button>`,
    ),
  signedOut: (koa) => show(koa, 'Signed out', '<p>You are signed out.</p>'),
}

function show(koa: KoaContextWithOIDC, title: string, body: string): void {
  koa.type = 'html'
  koa.body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head><body><h1>${escaped(title)}</h1>${body}</body></html>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
