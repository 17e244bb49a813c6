/** The short host of links that have none of their own: the installation's, whatever it is called today. */
export const DEFAULT_HOST = ''
