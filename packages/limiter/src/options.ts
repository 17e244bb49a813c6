/*
 * Options of this package: an unknown one is an error that names the ones there are, because a misspelt option that is
 * silently ignored is found in production.
 */

/** @throws TypeError when anything is left over */
export function refuseUnknown(where: string, unknown: object, known: readonly string[]): void {
  const [name] = Object.keys(unknown)
  if (name === undefined) return
  const list = known.map((option) => `'${option}'`).join(', ')
  throw new TypeError(`${where}: unknown option '${name}'; there is ${list}`)
}

/** @throws RangeError when it is not a whole number of the range */
export function checkWhole(where: string, name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new RangeError(`${where}: ${name} must be a whole number from ${min} to ${max} (got ${value})`)
}
