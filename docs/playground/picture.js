'use strict';
// The way of a decision as a picture: a line of steps, in a row or, where there is little room, in a column. A shape in each
// step says what its colour says.

const picture = (() => {
  const SPACE = 'http://www.w3.org/2000/svg';
  const SAID = {
    passed: 'passed', refused: 'refused', recorded: 'denied, but recorded only', unchecked: 'not checked', skipped: 'not reached',
  };
  const MARKS = {
    passed: 'M-5 0l3.5 4L5-4', refused: 'M-4-4l8 8M4-4l-8 8', recorded: 'M0-5v6M0 4v1', unchecked: 'M-4 0h8', skipped: '',
  };

  function drawn(name, attributes, ...children) {
    const element = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  const text = (x, y, classes, words) => drawn('text', { x, y, class: classes }, words);

  function dot(step, x, y) {
    return drawn('g', { class: `dot ${step.state}`, transform: `translate(${x} ${y})` },
      drawn('circle', { r: 12 }), drawn('path', { d: MARKS[step.state] }));
  }

  /** The words for who cannot see it. */
  function described(steps, answer) {
    const last = steps.findLastIndex((step) => step.state !== 'skipped');
    const said = (step, n) => (step.state === 'skipped' && n < last ? 'not needed' : SAID[step.state]);
    const parts = steps.map((step, n) => `${step.name}: ${said(step, n)}${step.about ? ` (${step.about})` : ''}`);
    return `${parts.join('; ')}.${answer ? ` The response is ${answer}.` : ''}`;
  }

  function row(steps, answer, width) {
    const gap = (width - 90) / (steps.length - 1);
    const x = (n) => 45 + n * gap;
    const parts = steps.slice(1).map((step, n) => drawn('path', {
      class: `line ${step.state === 'skipped' && !steps.slice(n + 1).some((own) => own.state !== 'skipped') ? 'off' : 'on'}`,
      d: `M${x(n) + 12} 28H${x(n + 1) - 12}`,
    }));
    steps.forEach((step, n) => {
      parts.push(dot(step, x(n), 28), text(x(n), 60, `name ${step.state}`, step.name));
      if (step.about) parts.push(text(x(n), 77, `about ${step.state}`, step.about));
    });
    const stop = steps.findIndex((step) => step.state === 'refused');
    if (answer && stop >= 0) {
      const top = steps[stop].about ? 84 : 68;
      parts.push(drawn('path', { class: 'back', d: `M${x(stop)} ${top}v14` }), drawn('path', { class: 'tip', d: `M${x(stop) - 4} ${top + 10}l4 6 4-6z` }));
      const label = text(x(stop), top + 32, 'answer', answer);
      // Half of a label is wider than the room beside the first and the last step.
      const side = x(stop) < 120 ? 'start' : x(stop) > width - 120 ? 'end' : '';
      if (side) {
        label.setAttribute('class', `answer ${side}`);
        label.setAttribute('x', side === 'end' ? width - 6 : 6);
      }
      parts.push(label);
      return { height: top + 42, parts };
    }
    return { height: steps.some((step) => step.about) ? 88 : 72, parts };
  }

  function column(steps, answer) {
    const y = (n) => 20 + n * 44;
    const parts = steps.slice(1).map((step, n) => drawn('path', {
      class: `line ${step.state === 'skipped' && !steps.slice(n + 1).some((own) => own.state !== 'skipped') ? 'off' : 'on'}`,
      d: `M20 ${y(n) + 12}V${y(n + 1) - 12}`,
    }));
    steps.forEach((step, n) => {
      const refused = step.state === 'refused';
      parts.push(dot(step, 20, y(n)), text(44, y(n) + (step.about || refused ? -1 : 5), `left name ${step.state}`, step.name));
      const below = [step.about, refused && answer].filter(Boolean).join(' → ');
      if (below) parts.push(text(44, y(n) + 15, `left about ${step.state}`, below));
    });
    return { height: y(steps.length - 1) + 24, parts };
  }

  /** The step without a check that has its name. */
  const told = (step) => (step.about === step.name.toLowerCase() ? { ...step, about: null } : step);

  /** Draws the steps into `place`, which is `width` wide. `answer` is the status and the reason of a refusal. */
  function draw(place, all, answer, width) {
    const steps = all.map(told);
    const { height, parts } = width < 560 ? column(steps, answer) : row(steps, answer, width);
    const title = drawn('title', { id: 'picture-title' }, 'The way of the decision');
    const words = drawn('desc', { id: 'picture-words' }, described(steps, answer));
    place.replaceChildren(drawn('svg', {
      viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-labelledby': 'picture-title', 'aria-describedby': 'picture-words',
    }, title, words, ...parts));
  }

  return { draw };
})();
