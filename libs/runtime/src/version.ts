/** The version of this build; nodes of a cluster compare it. */
export const version = '0.1.0';
