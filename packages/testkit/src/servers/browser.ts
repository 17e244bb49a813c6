import { canInstallWithApt, installWithApt } from './install.ts'
import { type Machine, programInPath, thisMachine } from './machine.ts'

/** Where macOS keeps them: they are not in PATH there. */
const APPLICATIONS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/**
 * The path of a Chromium: what `TEST_BROWSER` names, else that of this machine, else installed by apt-get.
 *
 * @throws Error that says what to install, when there is none and none can be installed; when `TEST_BROWSER` names no
 * program
 */
export async function provideBrowser(
  machine: Machine = thisMachine,
  say: (line: string) => void = () => undefined,
): Promise<string> {
  const named = machine.env.TEST_BROWSER
  if (named) {
    if (machine.isExecutable(named)) return named
    throw new Error(`TEST_BROWSER names no program that can be run: ${named}`)
  }
  const found = locateBrowser(machine)
  if (found !== null) return found
  const failure = canInstallWithApt(machine)
    ? await installWithApt(machine, ['chromium'], say)
    : 'apt-get is not possible here (it needs Debian or Ubuntu, and root)'
  const installed = locateBrowser(machine)
  if (installed !== null) return installed
  throw new Error(
    `The tests of pages need Chromium or Google Chrome in PATH: ${failure ?? 'apt-get did not bring one'}. Install it, or name one by TEST_BROWSER, and start again.`,
  )
}

function locateBrowser(machine: Machine): string | null {
  for (const name of NAMES) {
    const path = programInPath(machine, name)
    if (path !== null) return path
  }
  return APPLICATIONS.find((path) => machine.isExecutable(path)) ?? null
}
