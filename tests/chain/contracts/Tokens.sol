// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A token as most are.
contract Plain {
    uint8 public immutable decimals;
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount)
        external
        virtual
        returns (bool)
    {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Answers nothing, as the oldest tokens do.
contract Silent {
    mapping(address owner => uint256) public balanceOf;
    uint8 public constant decimals = 6;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address, uint256) external {}

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Keeps a part of each transfer.
contract Fee is Plain(6) {
    function transferFrom(address from, address to, uint256 amount)
        external
        override
        returns (bool)
    {
        _move(from, to, amount - 1);
        return true;
    }
}

/// Says no and raises nothing.
contract Refusing is Plain(6) {
    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// Lets whoever is paid, or pays, call back in the middle.
contract Calling is Plain(6) {
    address public target;
    bytes public data;
    bool public succeeded;

    function plant(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        _move(msg.sender, to, amount);
        _callBack();
        return true;
    }

    function transferFrom(address from, address to, uint256 amount)
        external
        override
        returns (bool)
    {
        _move(from, to, amount);
        _callBack();
        return true;
    }

    function _callBack() private {
        (succeeded,) = target.call(data);
    }
}
