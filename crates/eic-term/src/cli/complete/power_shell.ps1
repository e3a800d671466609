Register-ArgumentCompleter -Native -CommandName 'eic-term', 'eic-term.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # The words up to the cursor as they stand: nothing in them is run.
    $words = @(
        foreach ($element in $commandAst.CommandElements) {
            if ($element.Extent.EndOffset -ge $cursorPosition) { continue }
            if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $element.Value
            } else {
                $element.Extent.Text
            }
        }
    ) + ([string]$wordToComplete).Trim([char]34, [char]39)

    # In a variable, as what PowerShell hands on as arguments differs between its versions.
    $before = $env:COMPLETE, $env:EIC_TERM_WORDS
    $env:COMPLETE = 'powershell'
    $env:EIC_TERM_WORDS = $words -join "`n"
    try {
        $found = @(& 'eic-term')
    } finally {
        $env:COMPLETE, $env:EIC_TERM_WORDS = $before
    }
    foreach ($line in $found) {
        $value, $help = $line -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
