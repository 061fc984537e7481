/** English words of the query bar and of saved views. */
export const query = {
  key: 'Search the list',
  placeholder: (what: string) => `${what}: fn: state: worker: or words`,
  search: (words: string) => `Search for “${words}”`,
  clear: 'Clear',
  unknown: (words: readonly string[]) => `Not understood: ${words.join(', ')}.`,
  views: 'Views',
  saveView: 'Save this view',
  copyView: 'Copy a link to this view',
  removeView: 'Remove a view',
  viewName: 'Name',
  viewHint: 'Kept in this browser. A link to the view works everywhere.',
  save: 'Save',
}
