class ConsoleTools:
    STEPS = []
