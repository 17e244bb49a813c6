/*
 * How sure an application wants to be of who somebody is (`acr_values`): of the values that we know, one has to be met, and
 * who has shown two factors meets both. What we do not know is passed over, as OpenID Connect Core 1.0, 3.1.2.1, lets it:
 * the ID token says what was shown.
 */
import { interactionPolicy } from 'oidc-provider'

/** Whether it takes two factors. */
function takesTwo(acrValues: unknown): boolean {
  const values = typeof acrValues === 'string' ? acrValues.split(' ') : []
  return values.includes('2') && !values.includes('1')
}

/** When the provider asks people to sign in, or to let an application in. */
export function provingPolicy(): ReturnType<typeof interactionPolicy.base> {
  const policy = interactionPolicy.base()
  const check = new interactionPolicy.Check(
    'acr_values',
    'End-User authentication could not be obtained as acr_values asks for it',
    'login_required',
    ({ oidc }) => takesTwo(oidc.params?.acr_values) && oidc.session?.acr !== '2',
  )
  policy.get('login')?.checks.add(check)
  return policy
}

/** Whether somebody has shown enough for what an application asked for. */
export function isProofEnough(asked: Readonly<Record<string, unknown>>, { acr }: { readonly acr: string }): boolean {
  return !takesTwo(asked.acr_values) || acr === '2'
}
