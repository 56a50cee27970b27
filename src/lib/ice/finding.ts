/** Something that is in the way, or may be, and what to do about it. */
export interface Finding {
  code: string;
  message: string;
  fix: string;
}
