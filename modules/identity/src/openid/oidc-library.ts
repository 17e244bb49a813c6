/*
 * The library of the protocol: 183 modules and 10 MB, taken in when the first issuer is made. A program at which nobody signs
 * in starts without it. What is imported of it elsewhere is types, but where providers are made.
 */
import type * as Library from 'oidc-provider'

let library: typeof Library | null = null

/** Takes it in. */
export async function openLibrary(): Promise<void> {
  library ??= await import('oidc-provider')
}

/** What it is busy with, in whose call this is; undefined: it is not. */
export function requestInLibrary(): Library.KoaContextWithOIDC | undefined {
  return library?.Provider.ctx
}

/** The errors that it answers by itself, for what it calls. */
export function libraryErrors(): typeof Library.errors {
  if (library === null) throw new TypeError('the library is not there before an issuer is')
  return library.errors
}
