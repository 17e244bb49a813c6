/*
 * How sure an application wants to be of who somebody is (`acr_values`): of the values that we know, one has to be met, and
 * who has shown two factors meets both. What we do not know is passed over, as OpenID Connect Core 1.0, 3.1.2.1, lets it:
 * the ID token says what was shown.
 */
/** Whether it takes two factors. */
export function takesTwo(acrValues: unknown): boolean {
  const values = typeof acrValues === 'string' ? acrValues.split(' ') : []
  return values.includes('2') && !values.includes('1')
}

/** Whether somebody has shown enough for what an application asked for. */
export function isProofEnough(asked: Readonly<Record<string, unknown>>, { acr }: { readonly acr: string }): boolean {
  return !takesTwo(asked.acr_values) || acr === '2'
}
