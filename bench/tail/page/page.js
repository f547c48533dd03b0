// The script of report.html. Plain browser JavaScript: uPlot is a global, the data is in #data.
(() => {
  const { config, note, colours, groups } = JSON.parse(document.getElementById('data').textContent);
  const root = document.getElementById('report');
  const charts = [];

  function colourOf(name) {
    return colours[name] ?? '#888888';
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function ink(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function axis(options) {
    return {
      stroke: () => ink('--ink'),
      grid: { stroke: () => ink('--line'), width: 1 },
      ticks: { stroke: () => ink('--line'), width: 1 },
      ...options,
    };
  }

  function msLabel(value) {
    return value === null || value === undefined ? '' : `${Number(value.toPrecision(3))}`;
  }

  function chart(parent, title, about, data, series, x, y) {
    const box = element('div', 'chart');
    box.append(element('h3', '', title), element('div', 'note', about));
    parent.append(box);
    const plot = new uPlot(
      {
        width: 510,
        height: 300,
        scales: { x: { time: false, ...x.scale }, y: y.scale },
        axes: [axis(x.axis ?? {}), axis(y.axis ?? {})],
        series: [{ label: x.label, value: x.value ?? ((_, v) => msLabel(v)) }, ...series],
        legend: { live: false },
      },
      data,
      box,
    );
    charts.push(plot);
  }

  function lines(list, extra) {
    return list.map((entry) => ({
      label: entry.name,
      stroke: colourOf(entry.name),
      width: 2,
      // Filled: a variant with few pauses is a dot or two.
      points: { size: 6, fill: colourOf(entry.name) },
      spanGaps: false,
      ...extra,
    }));
  }

  const LOG_MS = {
    scale: { distr: 3 },
    axis: { size: 60, values: (_, splits) => splits.map((v) => (v === null ? '' : msLabel(v))) },
  };

  function categories(labels) {
    return {
      label: '',
      scale: { range: [-0.3, labels.length - 0.7] },
      axis: {
        splits: () => labels.map((_, i) => i),
        values: () => labels,
        rotate: labels.length > 8 ? -45 : 0,
        size: labels.length > 8 ? 60 : 40,
      },
      value: (_, v) => labels[v] ?? '',
    };
  }

  function pauseQuantiles(parent, { labels, series }) {
    const data = [labels.map((_, i) => i), ...series.map((s) => s.values.map((v) => (v === 0 ? null : v)))];
    const about =
      'ms, log scale; V8 and rolp together, of all repeats; a point needs ten pauses beyond it; the worst is a median';
    chart(parent, 'Pauses by percentile', about, data, lines(series), categories(labels), LOG_MS);
  }

  function pauseIntervals(parent, { labels, series }) {
    const data = [labels.map((_, i) => i), ...series.map((s) => s.values.map((v) => (v === 0 ? null : v)))];
    const y = { scale: { distr: 3 }, axis: { size: 60 } };
    chart(
      parent,
      'Pauses by duration',
      'how many a run, log scale; intervals in ms',
      data,
      lines(series),
      categories(labels),
      y,
    );
  }

  function latency(parent, { nines, series }) {
    const x = {
      label: '',
      axis: {
        splits: () => [0, 1, 2, 3, 4, 5],
        values: () => ['0', '90', '99', '99.9', '99.99', '99.999'],
      },
    };
    const about = 'ms from the intended start, log scale, over percentiles of all repeats added up';
    const data = [nines, ...series.map((s) => s.values)];
    chart(parent, 'Latency', about, data, lines(series, { points: { show: false } }), x, LOG_MS);
  }

  function overTime(parent, list) {
    const times = [...new Set(list.flatMap((s) => s.points.map(([at]) => at)))].sort((a, b) => a - b);
    const place = new Map(times.map((at, i) => [at, i]));
    const columns = list.map((s) => {
      const column = new Array(times.length).fill(null);
      for (const [at, ms] of s.points) column[place.get(at)] = ms;
      return column;
    });
    const dots = list.map((s) => ({
      label: s.name,
      paths: () => null,
      points: { show: true, size: 4, fill: colourOf(s.name), stroke: colourOf(s.name) },
      stroke: colourOf(s.name),
    }));
    const x = { label: '', axis: {} };
    chart(
      parent,
      'Pauses over time',
      'ms, log scale; the first valid run, seconds from its first operation; rolp’s own are told by the second',
      [times, ...columns],
      dots,
      x,
      LOG_MS,
    );
  }

  // Solid: V8's heap; dashed: beside it, where a variant has something there.
  function memory(parent, list) {
    const times = [...new Set(list.flatMap((s) => s.points.map(([at]) => at)))].sort((a, b) => a - b);
    const data = [times];
    const series = [];
    list.forEach((s) => {
      [1, 2].forEach((column) => {
        if (column === 2 && s.points.every((point) => point[2] === 0)) return;
        const at = new Map(s.points.map((point) => [point[0], point[column]]));
        data.push(times.map((time) => at.get(time) ?? null));
        series.push({
          label: column === 1 ? s.name : `${s.name}, off heap`,
          stroke: colourOf(s.name),
          width: 2,
          dash: column === 1 ? [] : [6, 4],
          points: { show: false },
          spanGaps: true,
        });
      });
    });
    const about =
      'MB in use; solid: V8’s heap, dashed: off it; the first valid run, seconds from its first operation';
    chart(parent, 'Memory over time', about, data, series, { label: '', axis: {} }, { axis: { size: 60 } });
  }

  function bars(parent, list, key, title, about) {
    const box = element('div', 'chart');
    box.append(element('h3', '', title), element('div', 'note', about));
    const grid = element('div', 'bars');
    // The floor keeps nothing: at its length the others' bars could not be told apart.
    const most = Math.max(...list.filter(({ name }) => name !== 'floor').map((entry) => entry[key] ?? 0), 1);
    list.forEach((entry) => {
      if (entry[key] === null) return;
      grid.append(element('div', '', entry.name));
      const row = element('div');
      const bar = element('div', 'bar');
      bar.style.width = `${Math.min(1, entry[key] / most) * 100}%`;
      bar.style.background = colourOf(entry.name);
      row.append(bar, element('div', 'value', msLabel(entry[key])));
      grid.append(row);
    });
    box.append(grid);
    parent.append(box);
  }

  root.append(element('h1', '', 'rolp: tail latency'));
  const sizes = Object.entries(config.sizes).map(([name, { heapMb }]) => `${name} ${heapMb} MB`);
  const run = `${config.machine}; Node ${config.nodes.join(', ')}; seed ${config.seed}; ${sizes.join(', ')}`;
  root.append(element('p', '', run));
  root.append(element('p', 'note', `To repeat: ${config.command}`));
  if (config.size !== 'full') {
    root.append(element('p', 'note', 'Indicative: a smaller run than --full, which alone gives verdicts.'));
  }
  for (const group of groups) {
    const section = element('section');
    section.append(element('h2', '', group.title));
    const grid = element('div', 'charts');
    section.append(grid);
    root.append(section);
    pauseQuantiles(grid, group.pauseQuantiles);
    pauseIntervals(grid, group.pauseIntervals);
    latency(grid, group.latency);
    overTime(grid, group.overTime);
    memory(grid, group.memory);
    bars(
      grid,
      group.normalised,
      'capacity',
      'Throughput',
      'closed loop after the fixed rate, in parts of heap’s',
    );
    bars(grid, group.normalised, 'rss', 'Peak memory', 'resident set at the fixed rate, in parts of heap’s');
    section.append(element('pre', '', group.table));
  }
  root.append(element('p', 'note', note));
  // Charts are pixels: their ink is chosen when they are drawn, so paper needs them drawn anew.
  for (const media of ['(prefers-color-scheme: dark)', 'print']) {
    matchMedia(media).addEventListener('change', () => {
      for (const plot of charts) plot.redraw();
    });
  }
})();
