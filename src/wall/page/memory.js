// What this browser remembers of a person's choice; one that may not store forgets.

export function remembered(name) {
  try {
    return window.localStorage.getItem(`spor.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name, value) {
  try {
    window.localStorage.setItem(`spor.${name}`, value);
  } catch {
    // A private window: the choice holds until it is closed.
  }
}
