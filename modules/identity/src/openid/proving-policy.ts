import { interactionPolicy } from 'oidc-provider'
import { takesTwo } from './asked-proof.ts'

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
