for (const command of document.querySelectorAll('.cmd')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.className = 'copy';
  button.type = 'button';
  button.textContent = 'copy';
  button.setAttribute('aria-label', 'copy the command');
  button.addEventListener('click', () => navigator.clipboard.writeText(
    command.querySelector('code').textContent).then(() => { button.textContent = 'copied'; }));
  command.append(button);
}
