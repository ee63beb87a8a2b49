/* The simulator's own thread: it takes a request, answers it, and can be ended at any time. It is
   started from a blob, so that the page's policy holds for it too: nothing leaves the page. */
let answer = null;

const boot = async ({ base, wheels }) => {
  const { loadPyodide } = await import(`${base}pyodide/pyodide.mjs`);
  const [python, ...archives] = await Promise.all([
    loadPyodide({ indexURL: `${base}pyodide/`, stdout: () => {}, stderr: () => {} }),
    ...wheels.map(async (name) => (await fetch(`${base}wheels/${name}`)).arrayBuffer()),
  ]);
  for (const archive of archives) python.unpackArchive(archive, "wheel");
  const player = python.pyimport("regsim.site.player");
  answer = player.answer;
  postMessage({ ready: true, mends: player.mends() });
};

onmessage = async ({ data }) => {
  try {
    if (data.wheels) await boot(data);
    else postMessage({ answer: JSON.parse(answer(JSON.stringify(data), (states) => postMessage({ states }))) });
  } catch (error) {
    postMessage({ broken: String(error.message || error).trim().split("\n").pop() });
  }
};
