import { setTimeout as pause } from 'node:timers/promises'

/** Asks again until the answer is yes. The runner's time limit ends what never comes. */
export async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await pause(5)
}
