import { accountPage } from './account-page.ts'
import { confirmEmailPage } from './confirm-email-page.ts'
import { connectPage } from './connect-page.ts'
import { factorPage } from './factor-page.ts'
import { homePage } from './home-page.ts'
import { invitationPage } from './invitation-page.ts'
import type { Page } from './page.ts'
import type { PagesDeps } from './pages-deps.ts'
import { personalDataPage } from './personal-data-page.ts'
import { registerPage } from './register-page.ts'
import { resetPage } from './reset-page.ts'
import { securityPage } from './security-page.ts'
import { signInPage } from './sign-in-page.ts'
import { signOutPage } from './sign-out-page.ts'
import { stepUpPage } from './step-up-page.ts'
import { verifyPage } from './verify-page.ts'
import { withPage } from './with-page.ts'

/** Every page of a tenant. */
export function tenantPages(deps: PagesDeps): Page[] {
  return [
    signInPage(deps),
    signOutPage(deps),
    homePage(deps),
    registerPage(deps),
    verifyPage(deps),
    invitationPage(deps),
    resetPage(deps),
    confirmEmailPage(deps),
    accountPage(deps),
    factorPage(deps),
    stepUpPage(deps),
    securityPage(deps),
    personalDataPage(deps),
    withPage(deps),
    connectPage(deps),
  ]
}
