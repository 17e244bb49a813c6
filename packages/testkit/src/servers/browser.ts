import { canInstallWithApt, installWithApt } from './install.ts'
import { type Machine, programInPath, thisMachine } from './machine.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/**
 * The path of a Chromium: of this machine, else installed by apt-get.
 *
 * @throws Error that says what to install, when there is none and none can be installed
 */
export async function provideBrowser(
  machine: Machine = thisMachine,
  say: (line: string) => void = () => undefined,
): Promise<string> {
  const found = locateBrowser(machine)
  if (found !== null) return found
  const failure = canInstallWithApt(machine)
    ? await installWithApt(machine, ['chromium'], say)
    : 'apt-get is not possible here (it needs Debian or Ubuntu, and root)'
  const installed = locateBrowser(machine)
  if (installed !== null) return installed
  throw new Error(
    `The tests of pages need Chromium or Google Chrome in PATH: ${failure ?? 'apt-get did not bring one'}. Install it, and start again.`,
  )
}

function locateBrowser(machine: Machine): string | null {
  for (const name of NAMES) {
    const path = programInPath(machine, name)
    if (path !== null) return path
  }
  return null
}
