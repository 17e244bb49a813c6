import { type ErrorSpec, StoaError } from '@stoa/kernel'

/**
 * What `work` gives. Where it refuses fields, their places are said as the caller knows them: in the body.
 *
 * @throws what `work` throws
 */
export async function inBody<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof StoaError && error.kind === 'invalid')) throw error
    const { code, kind, message, retryable } = error
    const spec: ErrorSpec = { code, kind, message, retryable }
    const fields = (error.fields ?? []).map((field) => ({ ...field, pointer: `/body${field.pointer}` }))
    throw new StoaError(spec, { fields, cause: error })
  }
}
