// Server-sent events out of chunks of text.

/** Call the returned function with each chunk; `emit(event, data)` gets every whole event. */
export function eventParser(emit) {
  let rest = '';
  let event = 'message';
  let data = [];
  return (chunk) => {
    rest += chunk;
    let end = rest.indexOf('\n');
    let start = 0;
    for (; end >= 0; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, rest[end - 1] === '\r' && end > start ? end - 1 : end);
      start = end + 1;
      if (line === '') {
        if (data.length > 0) emit(event, data.join('\n'));
        event = 'message';
        data = [];
      } else if (line.startsWith('event:')) event = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line[5] === ' ' ? line.slice(6) : line.slice(5));
    }
    rest = rest.slice(start);
  };
}
